import t from 'tap'
import { protocolOf } from './protocol.ts'

const of = (port: number, name = '', appProtocol?: string, targetPort?: number) =>
  protocolOf({ port, name, appProtocol, targetPort })

t.test('appProtocol beats the name, the name beats the number, the rest is detected', async (t) => {
  t.equal(of(80, 'tcp-x', 'http'), 'http')
  t.equal(of(80, 'x', 'kubernetes.io/h2c'), 'h2c')
  t.equal(of(80, 'x', 'kubernetes.io/ws'), 'ws')
  t.equal(of(80, '', 'HTTPS'), 'https')
  t.equal(of(80, 'grpc-api', 'example.org/own'), 'grpc', 'one that nobody knows says nothing')
  t.equal(of(3306, 'http'), 'http')
  t.equal(of(80, 'http2'), 'h2c')
  t.equal(of(80, 'httpx'), 'auto', 'only whole words before a dash count')
  for (const port of [25, 587, 3306, 4444, 5432, 6379, 9300, 11211]) t.equal(of(port), 'opaque', String(port))
  t.equal(of(1234, '', undefined, 5432), 'opaque', 'also where the Service gives it another number')
  t.equal(of(80), 'auto')
  t.equal(of(80, '__proto__', 'constructor'), 'auto')
})
