-- Which stretches of the spans, in the order they were stored, hold a trace or an attribute.
CREATE TABLE segments (
  segment INTEGER,
  first_ns BIGINT,
  last_ns BIGINT
);
CREATE TABLE trace_tokens (
  token UINTEGER,
  segment INTEGER
);
CREATE TABLE attribute_tokens (
  token UINTEGER,
  segment INTEGER
);
