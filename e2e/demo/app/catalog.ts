import { hostname } from 'node:os'
import { call, serve } from './http-service.ts'

const version = process.env['VERSION'] ?? 'v1'
/** Of prices alone: what share of them fails, and how many times as long the others take. */
const failShare = Number(process.env['FAIL_SHARE'] ?? 0)
const slowness = Number(process.env['SLOWNESS'] ?? 1)

// `/items/<id>` answers by itself; `/stocked/<id>` asks the inventory as well; `/prices/<id>` takes half a second.
serve(async (message) => {
  const path = message.url ?? '/'
  if (path === '/healthz') return { status: 200, body: 'ok' }
  const item = {
    version,
    pod: process.env['POD_NAME'] ?? hostname(),
    item: path.split('/').pop(),
    caller: message.headers['x-forwarded-client-cert'] ?? null,
  }
  if (path.startsWith('/prices/')) {
    await new Promise((resolve) => setTimeout(resolve, (505 + 50 * Math.random()) * slowness))
    if (Math.random() < failShare) return { status: 500, body: { ...item, error: 'no price' } }
  }
  if (!path.startsWith('/stocked/')) return { status: 200, body: item }
  const stock = await call(`http://inventory:8080/stock/${item.item}`, message)
  return { status: stock.status, body: { ...item, stock: stock.body } }
})
