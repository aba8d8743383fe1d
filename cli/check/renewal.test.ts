import t from 'tap'
import { FakeApi } from '../../control-plane/kubernetes/testing/fake-api.ts'
import { runChecks } from './finding.ts'
import { renewalCheck } from './renewal.ts'
import { sessionAt } from './testing/session.ts'

const HOUR = 3_600_000

t.test('pods whose certificate is not renewed are named, with what to do', async (t) => {
  const api = await FakeApi.start(t)
  api.put('/api/v1/namespaces/shop', { metadata: { name: '' } })
  /** Hours of a certificate's life that are over, of 24; null: there is none. */
  const lived: Readonly<Record<string, number | null>> = {
    fresh: 1,
    half: 14.3,
    late: 16.2,
    over: 27,
    none: null,
  }
  const put = (name: string, annotations: object, status: object = { phase: 'Running' }) =>
    api.put(`/api/v1/namespaces/shop/pods/${name}`, { metadata: { name, annotations }, status })
  const injected = { 'weft.dev/status': '{}' }
  for (const name of [...Object.keys(lived), 'silent']) put(name, injected)
  put('bare', {})
  put('pending', injected, { phase: 'Pending' })
  put('done', injected, { phase: 'Succeeded' })
  const asked: string[] = []
  const check = renewalCheck(async () => async ({ namespace, pod }, path) => {
    asked.push(`${namespace}/${pod}${path}`)
    const hours = lived[pod]
    if (hours === undefined) throw new Error('no connection')
    if (hours === null) return { chain: [] }
    const begin = Date.now() - hours * HOUR
    const at = (ms: number) => new Date(ms).toISOString()
    return { chain: [{ validFrom: at(begin), validTo: at(begin + 24 * HOUR) }] }
  })
  const { json, good } = await runChecks([check], sessionAt(api.connect(t)))
  t.strictSame(
    asked.toSorted(),
    ['fresh', 'half', 'late', 'none', 'over', 'silent'].map((one) => `shop/${one}/certs`),
  )
  t.notOk(good)
  const { findings } = json as { findings: readonly { message: string }[] }
  t.strictSame(
    findings.toSorted((a, b) => (a.message < b.message ? -1 : 1)),
    [
      {
        check: 'renewal',
        status: 'unknown',
        message: '1 do not tell their certificate: shop/silent; no connection',
      },
      {
        check: 'renewal',
        status: 'failed',
        message: 'shop/none has no certificate: kubectl logs -n shop none -c weft-proxy says why',
      },
      {
        check: 'renewal',
        status: 'warning',
        message:
          'the certificate of shop/late is not renewed: 67 % of its life are over, and it ends in 7 h; kubectl logs -n shop late -c weft-proxy says why',
      },
      {
        check: 'renewal',
        status: 'failed',
        message:
          'the certificate of shop/over ended 3 h ago, and is trusted by nobody: kubectl logs -n shop over -c weft-proxy says why it is not renewed',
      },
    ],
  )
  for (const name of ['late', 'over', 'none', 'silent']) api.remove(`/api/v1/namespaces/shop/pods/${name}`)
  t.match(await runChecks([check], sessionAt(api.connect(t))), {
    json: { findings: [{ status: 'ok', message: '2 sidecars renew their certificates in time' }] },
  })
})
