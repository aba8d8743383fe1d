import { Client, credentials, ServerCredentials } from '@grpc/grpc-js'
import { createLogger } from '../../../../core/log.ts'
import { serveGrpc } from '../../grpc-server.ts'
import { questionService } from '../service.ts'
import { CALLER } from './fake-call.ts'

interface TestLike {
  teardown(task: () => unknown): void
}

/** The service as it is served, and the connection of a sidecar. */
export async function questionsOverGrpc(t: TestLike) {
  const service = questionService()
  const log = createLogger('questions', 'error', () => {})
  const server = await serveGrpc(
    '--grpc',
    { host: '127.0.0.1', port: 0 },
    {
      credentials: ServerCredentials.createInsecure(),
      services: [service],
      authenticate: async () => CALLER,
      log,
    },
  )
  t.teardown(() => server.close(0))
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure())
  t.teardown(() => client.close())
  return { service, client }
}
