import { ManualClock } from '../../../core/clock.ts'
import type { RequestHead } from '../../http/message.ts'
import { connectHttp1, type Http1ClientOptions } from '../client.ts'
import { Deadlines } from '../deadlines.ts'
import { MemoryTransport } from './memory-transport.ts'

export const GET: RequestHead = {
  method: 'GET',
  scheme: 'http',
  authority: 'a',
  path: '/x',
  fields: [],
  upgrade: '',
}
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A client connection whose server is the test. */
export function start(options: Http1ClientOptions = {}) {
  const clock = new ManualClock()
  const transport = new MemoryTransport()
  let changes = 0
  const handler = { onChange: () => void changes++ }
  const connection = connectHttp1(transport, handler, { deadlines: new Deadlines(clock), ...options })
  return { clock, transport, connection, changes: () => changes }
}
