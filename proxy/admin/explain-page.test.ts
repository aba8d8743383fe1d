import t from 'tap'
import type { ProxyExplanation, ProxyQuestion } from '../../core/explain/proxy-question.ts'
import { newDraft } from '../../core/explain/draft.ts'
import { explainPage } from './explain-page.ts'

const draft = newDraft({ pod: 'web-1', namespace: 'shop' }, '7', '')
const ANSWER: ProxyExplanation = { explanation: draft, next: null }

function url(query: string): URL {
  return new URL(`http://localhost/explain?${query}`)
}

t.test('a request as the application would send it, by an address or a name that DNS knows', async (t) => {
  const asked: ProxyQuestion[] = []
  const page = explainPage(async (question) => {
    asked.push(question)
    return ANSWER
  })
  const header = encodeURIComponent('X-User: beta')
  const reply = await page(url(`to=http://10.96.0.1:8080/a/../b?x=1&method=PUT&header=${header}`))
  t.match(reply, { status: 200, type: 'application/json' })
  t.match(JSON.parse(String(reply.body)), { pod: 'web-1', outcome: 'unknown' })
  t.match(asked[0], {
    direction: 'outbound',
    address: '10.96.0.1',
    port: 8080,
    carries: 'http1',
    request: { method: 'PUT', authority: '10.96.0.1:8080', path: '/a/../b?x=1', fields: ['x-user', 'beta'] },
  })
  await page(url('to=grpc://localhost/shop.Catalog/Get'))
  t.match(asked[1], {
    carries: 'h2c',
    port: 80,
    request: { method: 'POST', fields: ['content-type', 'application/grpc'] },
  })
  t.match(asked[1]?.address, /^(127\.0\.0\.1|::1)$/)
})

t.test('what cannot be read is told by its name, and nobody keeps the proxy busy', async (t) => {
  let release = (): void => {}
  const page = explainPage(async () => {
    await new Promise<void>((resolve) => (release = resolve))
    return ANSWER
  })
  for (const [query, body] of [
    ['to=catalog', /^to: "catalog" must be a URL/],
    ['to=tcp://10.0.0.1', /^to: needs a port/],
    ['to=http://10.0.0.1:0/', /^to: 0 is no port/],
    ['to=http://a b/', /^to: /],
    ['to=http://10.0.0.1/&method=G%20T', /^method: "G T" must be a method/],
    ['to=http://10.0.0.1/&header=x', /^header: "x" must be NAME: VALUE/],
    ['to=http://10.0.0.1/&header=a%0ab:1', /^headers: /],
    ['to=https://10.0.0.1/&header=a:1', /^headers: says nothing to a sidecar here/],
    ['to=http://nobody.invalid/', /^to: DNS knows no address of nobody.invalid/],
    ['too=1', /^too: there are to, method, header/],
  ] as const)
    t.match(await page(url(query)), { status: 400, body }, query)
  const four = Array.from({ length: 4 }, () => page(url('to=http://10.0.0.1/')))
  t.match(await page(url('to=http://10.0.0.1/')), { status: 503 })
  release()
  await four.at(-1)
})
