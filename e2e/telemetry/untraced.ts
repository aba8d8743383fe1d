/**
 * Field of requests of the test itself: the mesh's way in traces every request whose caller did not decide otherwise, and what
 * asks for counts would be counted (https://www.w3.org/TR/trace-context/#trace-flags).
 */
export const UNTRACED = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' } as const
