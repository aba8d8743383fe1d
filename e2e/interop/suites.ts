import type { Suite } from './suite.ts'
import { CONNECT } from './suites/connect.ts'
import { GRPC_CROSS, GRPC_GO, GRPC_JAVA } from './suites/grpc.ts'
import { NGHTTP2 } from './suites/nghttp2.ts'

/** In the order in which they run. */
export const SUITES: readonly Suite[] = [NGHTTP2, GRPC_GO, GRPC_JAVA, GRPC_CROSS, CONNECT]
