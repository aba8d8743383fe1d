import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { addressRule } from './allowed-address.ts'
import { jsonFetcher } from './fetch-json.ts'

async function serve(t: Test, listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const LOOPBACK = addressRule(['127.0.0.0/8'])

t.test('what is answered is bounded in time, length and the places that it leads on to', async (t) => {
  let asked = 0
  const base = await serve(t, ({ url = '' }, answer) => {
    asked++
    const hops = /^\/hop\/(\d)$/.exec(url)?.[1]
    if (hops !== undefined)
      answer.writeHead(302, { location: hops === '0' ? '/keys' : `/hop/${Number(hops) - 1}` }).end()
    else if (url === '/keys')
      answer.writeHead(200, { 'cache-control': 'public, max-age=600' }).end('{"keys":[]}')
    else if (url === '/fresh') answer.writeHead(200, { 'cache-control': 'no-cache, max-age=600' }).end('{}')
    else if (url === '/long') answer.writeHead(200).end('x'.repeat(65_537))
    else if (url === '/inward')
      answer.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end()
    else if (url === '/file') answer.writeHead(302, { location: 'file:///etc/passwd' }).end()
    else if (url === '/silent') answer.writeHead(200).flushHeaders()
    else answer.writeHead(404).end('secret')
  })
  const fetcher = jsonFetcher({ allowed: LOOPBACK, http: true })
  t.teardown(() => fetcher.close())
  t.same(await fetcher.fetch(`${base}/keys`, 5000), { text: '{"keys":[]}', maxAgeMs: 600_000 })
  t.match(await fetcher.fetch(`${base}/fresh`, 5000), { maxAgeMs: 0 })
  t.match(await fetcher.fetch(`${base}/hop/2`, 5000), { text: '{"keys":[]}' })
  const cases: readonly (readonly [path: string, message: RegExp])[] = [
    ['/hop/3', /leads on more than 3 times/],
    ['/long', /more than 65536 bytes/],
    ['/none', /^the answer is 404$/],
    ['/inward', /169\.254\.169\.254 is an address that keys are not fetched from/],
    ['/file', /file:\/\/ is not allowed/],
  ]
  for (const [path, message] of cases)
    await t.rejects(fetcher.fetch(`${base}${path}`, 5000), { message }, path)
  await t.rejects(fetcher.fetch(`${base}/silent`, 100), { message: /no answer within 0\.1 s/ })
  asked = 0
  const strict = jsonFetcher({ allowed: addressRule(), http: false })
  t.teardown(() => strict.close())
  await t.rejects(strict.fetch(`${base}/keys`, 5000), { message: /http:\/\/ is not allowed: .* --jwks-http/ })
  const plain = jsonFetcher({ allowed: addressRule(), http: true })
  t.teardown(() => plain.close())
  await t.rejects(plain.fetch(`${base}/keys`, 5000), {
    message: /127\.0\.0\.1 is an address .* --jwks-allow/,
  })
  await t.rejects(
    plain.fetch(base.replace('127.0.0.1', 'localhost'), 5000),
    { message: /is an address/ },
    'by a name',
  )
  await t.rejects(plain.fetch(base.replace('127.0.0.1', '[::ffff:127.0.0.1]'), 5000), {
    message: /is an address/,
  })
  await t.rejects(
    plain.fetch(base.replace('127.0.0.1', '2130706433'), 5000),
    { message: /is an address/ },
    'as a number',
  )
  t.equal(asked, 0, 'nobody was asked')
  await t.rejects(plain.fetch('http://nobody.invalid/', 5000), { message: /ENOTFOUND|EAI_AGAIN/ })
})

t.test(
  'addresses of this machine, of links and of metadata services are not asked unless they are named',
  async (t) => {
    const rule = addressRule()
    for (const address of [
      '127.0.0.1',
      '127.9.9.9',
      '0.0.0.0',
      '169.254.169.254',
      '::1',
      '::',
      'fe80::1',
      '::ffff:127.0.0.1',
      '::ffff:a9fe:a9fe',
      'fd00:ec2::254',
      '100.100.100.200',
      '224.0.0.1',
      '255.255.255.255',
      'localhost',
    ])
      t.notOk(rule(address), address)
    for (const address of ['10.96.0.1', '192.168.1.1', '203.0.113.7', 'fd00::1', '2001:db8::1', '100.64.0.1'])
      t.ok(rule(address), address)
    const own = addressRule(['127.0.0.1', 'fe80::/64'])
    t.same(['127.0.0.1', '127.0.0.2', 'fe80::9', '::1'].map(own), [true, false, true, false])
    for (const wrong of ['localhost', '10.0.0.0/33', '::/129', '10.0.0.0/x', '10.0.0.0/8/8'])
      t.throws(() => addressRule([wrong]), /must be an IP address or a block/, wrong)
  },
)
