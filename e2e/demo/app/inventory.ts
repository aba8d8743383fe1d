import { serve } from './http-service.ts'

const failShare = Number(process.env['FAIL_SHARE'] ?? 0)
/** How often each reservation arrived here: the truth about writes that were sent twice. */
const ledger = new Map<string, number>()
let served = 0
let failed = 0

/** A tenth of the requests fails, spread by chance. */
function fails(): boolean {
  served++
  if (Math.random() >= failShare) return false
  failed++
  return true
}

serve(async (message) => {
  const path = message.url ?? '/'
  const id = path.split('/').pop() ?? ''
  if (path === '/healthz') return { status: 200, body: 'ok' }
  if (path === '/ledger')
    return {
      status: 200,
      body: {
        entries: ledger.size,
        repeated: [...ledger.values()].filter((count) => count > 1).length,
        served,
        failed,
      },
    }
  if (message.method === 'POST') {
    ledger.set(id, (ledger.get(id) ?? 0) + 1)
    // The write is done and the answer is lost: a caller that repeats it now writes twice.
    return fails() ? { status: 503, body: { error: 'out of luck' } } : { status: 201, body: { reserved: id } }
  }
  if (fails()) return { status: 503, body: { error: 'out of luck' } }
  return { status: 200, body: { id, stock: 7, caller: message.headers['x-forwarded-client-cert'] ?? null } }
})
