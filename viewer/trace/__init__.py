"""What a trace is: identifiers, attributes, spans, column batches and trees."""
