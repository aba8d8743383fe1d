import type { Suite } from './suite.ts'
import { CONNECT } from './suites/connect.ts'
import { GRPC_CROSS, GRPC_GO, GRPC_JAVA } from './suites/grpc.ts'

/** In the order in which they run. */
export const SUITES: readonly Suite[] = [GRPC_GO, GRPC_JAVA, GRPC_CROSS, CONNECT]
