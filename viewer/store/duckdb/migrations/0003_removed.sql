-- What retention removed, in that order; the latest stay.
CREATE TABLE removed (
  trace_id VARCHAR,
  root STRUCT(service VARCHAR, name VARCHAR),
  first STRUCT(service VARCHAR, name VARCHAR),
  start_ns BIGINT,
  end_ns BIGINT,
  spans BIGINT,
  removed_ns BIGINT
);
