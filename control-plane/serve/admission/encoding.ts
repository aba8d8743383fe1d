/** https://github.com/grpc/grpc/blob/master/doc/compression.md: how messages are compressed, and what the other side may use. */
export const ENCODING = 'grpc-encoding'
export const ACCEPT_ENCODING = 'grpc-accept-encoding'
/** None. The mesh's own clients never compress. */
export const IDENTITY = 'identity'
