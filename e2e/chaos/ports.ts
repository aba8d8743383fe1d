/** Ports of the application, and of the Services before it. */
export const PORTS = { web: 8080, grpc: 8081, chat: 8082, tcp: 8083 }
