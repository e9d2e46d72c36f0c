-- How far files have been imported, so that it goes on there after a crash.
CREATE TABLE imports (
  key VARCHAR,
  path VARCHAR,
  status VARCHAR,
  bytes BIGINT,
  digest VARCHAR,
  head_digest VARCHAR,
  place VARCHAR,
  spans BIGINT,
  is_done BOOLEAN,
  noted_ns BIGINT
);
