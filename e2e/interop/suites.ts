import type { Suite } from './suite.ts'
import { CONNECT } from './suites/connect.ts'
import { GRPC_CROSS, GRPC_GO, GRPC_JAVA } from './suites/grpc.ts'
import { LOCAL_ANSWERS } from './suites/local-answers.ts'
import { NGHTTP2 } from './suites/nghttp2.ts'
import { PYTHON_H2 } from './suites/python-h2.ts'

/** In the order in which they run. */
export const SUITES: readonly Suite[] = [
  NGHTTP2,
  PYTHON_H2,
  LOCAL_ANSWERS,
  GRPC_GO,
  GRPC_JAVA,
  GRPC_CROSS,
  CONNECT,
]
