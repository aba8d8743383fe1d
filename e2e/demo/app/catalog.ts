import { hostname } from 'node:os'
import { call, serve } from './http-service.ts'

const version = process.env['VERSION'] ?? 'v1'

// `/items/<id>` answers by itself; `/stocked/<id>` asks the inventory as well.
serve(async (message) => {
  const path = message.url ?? '/'
  if (path === '/healthz') return { status: 200, body: 'ok' }
  const item = {
    version,
    pod: process.env['POD_NAME'] ?? hostname(),
    item: path.split('/').pop(),
    caller: message.headers['x-forwarded-client-cert'] ?? null,
  }
  if (!path.startsWith('/stocked/')) return { status: 200, body: item }
  const stock = await call(`http://inventory:8080/stock/${item.item}`, message)
  return { status: stock.status, body: { ...item, stock: stock.body } }
})
