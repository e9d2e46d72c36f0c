-- The present version of the file; older files reach it by migrations/*.sql, in order of their numbers.
-- No primary key, index or foreign key: each costs more at every insert than all reads gain.

CREATE TABLE meta (
  key VARCHAR,                -- product, schema_version, journal_mark, generation, weighted
  value VARCHAR
);

CREATE TABLE spans (
  trace_id VARCHAR,           -- 32 hex digits
  span_id UBIGINT,
  parent_id UBIGINT,          -- 0 = root
  service VARCHAR,
  name VARCHAR,
  kind UTINYINT,              -- OTLP's numbers
  status UTINYINT,            -- OTLP's numbers
  start_ns BIGINT,            -- integers: Python gets TIMESTAMP_NS cut to microseconds
  dur_ns BIGINT,
  attrs VARCHAR[],            -- key=value, order kept
  attr_types VARCHAR,         -- a letter per attribute
  events VARCHAR,             -- JSON, NULL when none
  links VARCHAR,              -- JSON, NULL when none
  status_message VARCHAR,     -- NULL when empty
  trace_state VARCHAR,        -- NULL when empty
  flags UINTEGER,
  extra VARCHAR,              -- JSON of rare things, NULL when none
  resource_id BIGINT,
  scope_id BIGINT,
  digest UINTEGER,            -- of all content: tells spans of one ID apart, and re-deliveries
  stored_ns BIGINT,           -- when it was written; retention goes by it, so it is in row order
  weight REAL                 -- how many traces its trace stands for, after sampling
);

CREATE TABLE resources (
  resource_id BIGINT,         -- counted, because small numbers pack to almost nothing in spans
  packed VARCHAR              -- JSON as trace.batch.pack_resource writes it
);

CREATE TABLE scopes (
  scope_id BIGINT,
  packed VARCHAR
);

CREATE TABLE services (       -- every distinct triple in spans, so that lists never scan it
  service VARCHAR,
  name VARCHAR,
  kind UTINYINT
);

CREATE TABLE removed (        -- what retention removed, in that order; the latest stay
  trace_id VARCHAR,
  root STRUCT(service VARCHAR, name VARCHAR),   -- NULL without one
  first STRUCT(service VARCHAR, name VARCHAR),  -- the earliest span
  start_ns BIGINT,            -- 0 = no span had a start time
  end_ns BIGINT,
  spans BIGINT,
  removed_ns BIGINT
);

CREATE TABLE imports (        -- how far files have been imported (see store.base.FileImport)
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

CREATE TABLE segments (       -- stretches of spans in the order they were stored (see segments.py)
  segment INTEGER,            -- counted up
  first_ns BIGINT,            -- stored_ns of the first and last row
  last_ns BIGINT
);

CREATE TABLE trace_tokens (   -- which segments a trace ID is in: its hash's upper half
  token UINTEGER,
  segment INTEGER
);

CREATE TABLE attribute_tokens (  -- the same of key=value, of spans and their events
  token UINTEGER,
  segment INTEGER
);
