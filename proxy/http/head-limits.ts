/** What the head of a message, and its trailers, may hold. The start line counts among the bytes, as in Envoy. */
export interface HeadLimits {
  readonly maxBytes: number
  /** Field lines. */
  readonly maxFields: number
}

/** Where nobody sets them: Envoy's max_request_headers_kb and max_headers_count. */
export const HEAD_LIMITS: HeadLimits = { maxBytes: 60 * 1024, maxFields: 100 }
