# Zipkin's first model as it lies on the wire: names, numbers and types of the fields that
# openzipkin/zipkin-api documents in thrift/zipkinCore.thrift. Required is what an annotation is
# nothing without: one that lacks it is left out. What a span lacks is said of that span.

enum AnnotationType { BOOL, BYTES, I16, I32, I64, DOUBLE, STRING }

struct Endpoint {
  1: optional i32 ipv4
  2: optional i16 port
  3: optional string service_name
  4: optional binary ipv6
}

struct Annotation {
  1: required i64 timestamp
  2: required string value
  3: optional Endpoint host
}

struct BinaryAnnotation {
  1: required string key
  2: required binary value
  3: optional AnnotationType annotation_type
  4: optional Endpoint host
}

struct Span {
  1: optional i64 trace_id
  3: optional string name
  4: optional i64 id
  5: optional i64 parent_id
  6: optional list<Annotation> annotations
  8: optional list<BinaryAnnotation> binary_annotations
  9: optional bool debug
  10: optional i64 timestamp
  11: optional i64 duration
  12: optional i64 trace_id_high
}
