/**
 * What one message may cost. Beyond these a request is answered (431, 414, 413, 400) and the connection closed. What a
 * head and trailers may hold is a setting: `HeadLimits` (http/head-limits.ts).
 */

/**
 * A longer block becomes strings of their own. V8 makes slices of one text, and whoever remembers a single value, a
 * compression table or a span, would hold the whole text with it.
 */
export const MAX_SLICED_BYTES = 4 * 1024
/** Chunk extensions of a whole message, bytes: they carry nothing and are dropped. */
export const MAX_EXTENSION_BYTES = 4 * 1024
/** Hexadecimal digits of a chunk size: 2^48 bytes. */
export const MAX_CHUNK_SIZE_DIGITS = 12
/** Interim (1xx) responses before a final one. */
export const MAX_INFORMATIONAL = 64
/** What may be left of a request that was answered early, for its connection to be kept, bytes. */
export const MAX_DISCARD_BYTES = 256 * 1024
/** How long a peer may be silent after our FIN, milliseconds. */
export const LINGER_MS = 2_000
/** How long it may go on sending, milliseconds: as nginx's lingering_time, many read only when all is sent. */
export const LONGEST_LINGER_MS = 30_000
/** What a writer may leave with us before a tunnel is accepted, bytes. */
export const MAX_EARLY_TUNNEL_BYTES = 1024 * 1024
