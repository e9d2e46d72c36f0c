"""Plain span JSON: one flat object a span, times in microseconds."""
