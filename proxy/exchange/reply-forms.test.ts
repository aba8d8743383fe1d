import t from 'tap'
import { field, type Fields } from '../http/message.ts'
import { composeReply } from './reply.ts'

const NO_ENDPOINT = { status: 503, details: 'no_healthy_upstream', text: 'no healthy upstream' }

function reply(fields: Fields, method = 'POST', path = '/shop.Catalog/Get') {
  const head = { method, scheme: 'http', authority: 'shop', path, fields, upgrade: '' }
  const { head: answer, body, grpcStatus } = composeReply(head, NO_ENDPOINT)
  const type = field(answer.fields, 'content-type')
  return { status: answer.status, type, body, grpcStatus, code: field(answer.fields, 'grpc-status') }
}

t.test('a gRPC caller gets its own subtype back', async (t) => {
  for (const type of [
    'application/grpc',
    'application/grpc+proto',
    'application/grpc+json',
    'application/grpc+x',
  ])
    t.match(reply(['content-type', `${type}; charset=utf-8`]), {
      status: 200,
      type,
      code: '14',
      grpcStatus: 14,
      body: undefined,
    })
})

t.test('so does one of gRPC-Web', async (t) => {
  for (const type of [
    'application/grpc-web',
    'application/grpc-web+proto',
    'application/grpc-web-text+proto',
  ])
    t.match(reply(['content-type', type]), { status: 200, type, code: '14', grpcStatus: 14, body: undefined })
})

t.test('Connect has its errors as JSON, and at the end of a stream', async (t) => {
  const error = { code: 'unavailable', message: 'no healthy upstream' }
  const unary = reply(['content-type', 'application/proto', 'connect-protocol-version', '1'])
  t.match(unary, { status: 503, type: 'application/json', grpcStatus: 14 })
  t.same(JSON.parse(String(unary.body)), error)
  t.match(reply([], 'GET', '/a?encoding=json&connect=v1'), { status: 503, type: 'application/json' })
  const stream = reply(['content-type', 'application/connect+json'])
  t.match(stream, { status: 200, type: 'application/connect+json' })
  t.same([stream.body?.[0], stream.body?.readUInt32BE(1)], [2, (stream.body?.length ?? 0) - 5])
  t.same(JSON.parse(String(stream.body?.subarray(5))), { error })
})

t.test('others get text', async (t) => {
  t.match(reply(['content-type', 'application/json']), {
    status: 503,
    type: 'text/plain; charset=utf-8',
    grpcStatus: -1,
  })
  t.match(reply(['content-type', 'application/grpcx']), { grpcStatus: -1 })
  t.match(reply([], 'GET', '/a?reconnect=v1'), { grpcStatus: -1 })
})
