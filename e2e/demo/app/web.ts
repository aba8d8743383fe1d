import { call, serve } from './http-service.ts'

// The shop's front end: one product page is one call to the catalog.
serve(async (message, body) => {
  const path = message.url ?? '/'
  if (path === '/healthz') return { status: 200, body: 'ok' }
  if (path.startsWith('/reserve/')) {
    const answer = await call(`http://inventory:8080${path}`, message, { method: 'POST', body })
    return { status: answer.status, body: { reservation: answer.body } }
  }
  const answer = await call(`http://catalog:8080${path}`, message)
  return { status: answer.status, body: { page: path, catalog: answer.body } }
})
