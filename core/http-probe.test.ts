import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import t, { type Test } from 'tap'
import { httpProbe, requestTarget, type HttpProbe } from './http-probe.ts'

const OPTIONS = { timeoutMs: 60_000, userAgent: 'kube-probe/1.34' }

async function application(t: Test, handler: RequestListener): Promise<number> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

function get(port: number, path: string, httpHeaders: HttpProbe['httpHeaders'] = []): HttpProbe {
  return { path, port, scheme: 'HTTP', httpHeaders }
}

t.test('a path is sent as the kubelet sends it', async (t) => {
  for (const [path, sent] of [
    ['up', '/up'],
    ['', '/'],
    ['?full=1', '/?full=1'],
    ['up?full=1#top', '/up?full=1'],
    ['/a b/é', '/a%20b/%C3%A9'],
    ['/a%20b', '/a%20b'],
    ['/a/../b//c', '/a/../b//c'],
    ['/100%', '/100%25'],
    ['/a?b=c d', '/a?b=c%20d'],
    ['http://elsewhere.example/x?y', '/x?y'],
    ['//elsewhere.example/x', '/x'],
    ['/a"<>\\^`{|}', '/a%22%3C%3E%5C%5E%60%7B%7C%7D'],
  ] as const)
    t.equal(requestTarget(path), sent, path)
})

t.test('the headers are those of the kubelet unless the manifest has its own', async (t) => {
  let seen: string[] = []
  const port = await application(t, (message, response) => {
    seen = message.rawHeaders
    response.end()
  })
  t.equal(await httpProbe(get(port, 'up'), '127.0.0.1', OPTIONS), 200)
  const host = `127.0.0.1:${port}`
  t.strictSame(
    seen,
    ['Host', host, 'User-Agent', 'kube-probe/1.34', 'Accept', '*/*', 'Connection', 'close'],
    'and no Accept-Encoding',
  )
  const own = [
    { name: 'host', value: 'shop.example' },
    { name: 'user-agent', value: 'mine' },
    { name: 'accept', value: '' },
    { name: 'X-A', value: '1' },
    { name: 'x-a', value: '2' },
  ]
  await httpProbe(get(port, 'up', own), '127.0.0.1', OPTIONS)
  t.strictSame(seen, [
    'Host',
    'shop.example',
    'user-agent',
    'mine',
    'x-a',
    '1',
    'x-a',
    '2',
    'Connection',
    'close',
  ])
})

t.test('a redirect is followed on the same host, and no other', async (t) => {
  const other = await application(t, (message, response) => {
    response.statusCode = message.url === '/there' ? 500 : 404
    response.end()
  })
  const paths: string[] = []
  const hosts: (string | undefined)[] = []
  const port = await application(t, (message, response) => {
    paths.push(message.url ?? '')
    hosts.push(message.headers.host)
    const [, status = '200', location] = /^\/(\d+)(?:\?to=(.*))?$/.exec(message.url ?? '') ?? []
    response.writeHead(
      Number(status),
      location === undefined ? {} : { location: decodeURIComponent(location) },
    )
    response.end()
  })
  const probe = (path: string, headers: HttpProbe['httpHeaders'] = []) =>
    httpProbe(get(port, path, headers), '127.0.0.1', OPTIONS)
  for (const status of [301, 302, 303, 307, 308]) t.equal(await probe(`/${status}?to=/500`), 500, `${status}`)
  t.equal(await probe('/302?to=503'), 503, 'relative to the path')
  t.equal(await probe(`/302?to=http://127.0.0.1:${other}/there`), 500, 'another port')
  t.equal(await probe('/302?to=http://elsewhere.example/'), 302, 'another host: the redirect is the answer')
  t.equal(await probe('/302?to=//elsewhere.example/'), 302)
  t.equal(await probe('/302'), 302, 'without a Location')
  t.equal(await probe('/304?to=/500'), 304, 'no redirect')
  hosts.length = 0
  await probe('/302?to=/200', [{ name: 'Host', value: 'shop.example' }])
  t.strictSame(hosts, ['shop.example', 'shop.example'], 'the Host of the manifest goes with a relative one')
  hosts.length = 0
  await probe(`/302?to=http://127.0.0.1:${port}/200`, [{ name: 'Host', value: 'shop.example' }])
  t.strictSame(hosts, ['shop.example', `127.0.0.1:${port}`])
})

t.test('a circle of redirects ends after ten', async (t) => {
  let asked = 0
  const port = await application(t, (_message, response) => {
    asked++
    response.writeHead(302, { location: '/again' }).end()
  })
  await t.rejects(httpProbe(get(port, '/'), '127.0.0.1', OPTIONS), { message: 'stopped after 10 redirects' })
  t.equal(asked, 10)
})

t.test('the time limit holds for head and body; of a long body 10 KiB are enough', async (t) => {
  const port = await application(t, (message, response) => {
    if (message.url === '/silent') return
    response.write(message.url === '/long' ? 'x'.repeat(64 * 1024) : 'x')
  })
  const brief = { ...OPTIONS, timeoutMs: 50 }
  for (const path of ['/silent', '/half'])
    await t.rejects(
      httpProbe(get(port, path), '127.0.0.1', brief),
      { message: 'no answer within 50 ms' },
      path,
    )
  t.equal(await httpProbe(get(port, '/long'), '127.0.0.1', OPTIONS), 200)
  await t.rejects(httpProbe(get(1, '/'), '127.0.0.1', OPTIONS), { code: 'ECONNREFUSED' })
})
