import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { CLIENT_PORT, Origin } from './origin.ts'

async function send(origin: Origin, text: string): Promise<string> {
  const socket = connect({ port: origin.port, host: '127.0.0.1' })
  let answers = ''
  socket.on('data', (chunk) => (answers += chunk.toString('latin1')))
  socket.end(text)
  await once(socket, 'close')
  return answers
}

t.test('records whole requests by client', async (t) => {
  const origin = await Origin.open()
  t.teardown(() => origin.close())
  const first = origin.expect(1)
  const second = origin.expect(2)
  const answers = await send(
    origin,
    `POST /a HTTP/1.1\r\n${CLIENT_PORT}: 1\r\nContent-Length: 3\r\n\r\nabc` +
      `PUT http://h/b HTTP/1.1\r\n${CLIENT_PORT}: 2\r\nTransfer-Encoding: chunked\r\n\r\n` +
      `2;x\r\nab\r\n1\r\nc\r\n0\r\nx: y\r\n\r\nGET /c HTTP/1.1\r\n${CLIENT_PORT}: 1\r\n\r\n` +
      `GET /never HTTP/1.1\r\n${CLIENT_PORT}: 1\r\nContent-Length: 9\r\n\r\nabc`,
  )
  t.equal(answers.match(/200 OK/g)?.length, 3)
  t.same(first, [
    { method: 'POST', target: '/a', body: 'abc' },
    { method: 'GET', target: '/c', body: '' },
  ])
  t.same(second, [{ method: 'PUT', target: '/b', body: 'abc' }])
  t.same(origin.oddities, [])
})

t.test('keeps what it cannot read', async (t) => {
  const origin = await Origin.open()
  t.teardown(() => origin.close())
  origin.expect(1)
  await send(origin, `GET / HTTP/1.1\r\n${CLIENT_PORT}: 1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na`)
  await send(origin, `GET / HTTP/1.1\r\n${CLIENT_PORT}: 9\r\n\r\n`)
  t.match(origin.oddities, [/more than one length/, /no known client/])
})
