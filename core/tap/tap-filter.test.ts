import t from 'tap'
import { tapTakes, type TapFilter, type TapSubject } from './tap-filter.ts'

const SUBJECT: TapSubject = {
  ...{ direction: 'outbound', route: 'HTTPRoute/shop/catalog/0', method: 'GET', path: '/items/7' },
  ...{ status: 503, durationMs: 20, flags: () => ['UF', 'URX'], services: () => ['web.shop', 'catalog.pay'] },
}

t.test('each condition by itself, and all of them together', async (t) => {
  const fit: TapFilter[] = [
    {},
    { direction: 'outbound' },
    { service: 'web' },
    { service: 'catalog.pay' },
    { route: 'HTTPRoute/shop/catalog' },
    { route: 'HTTPRoute/shop/catalog/0' },
    { method: 'GET' },
    { path: '/items' },
    { status: '503' },
    { status: '5xx' },
    { flag: 'UF' },
    { min: 20, max: 20 },
  ]
  for (const filter of fit) t.ok(tapTakes(filter, SUBJECT), JSON.stringify(filter))
  t.ok(tapTakes(Object.assign({}, ...fit) as TapFilter, SUBJECT))
  const unfit: TapFilter[] = [
    { direction: 'inbound' },
    { service: 'catalog.shop' },
    { service: 'we' },
    { route: 'HTTPRoute/shop/cat' },
    { method: 'get' },
    { path: '/items/8' },
    { status: '500' },
    { status: '4xx' },
    { status: '0' },
    { flag: 'U' },
    { min: 20.1 },
    { max: 19.9 },
  ]
  for (const filter of unfit) t.notOk(tapTakes(filter, SUBJECT), JSON.stringify(filter))
  t.ok(tapTakes({ status: '0' }, { ...SUBJECT, status: 0 }), 'no answer')
})
