import { readFileSync, statSync } from 'node:fs'
import t from 'tap'
import { answers, get, sidecarBed } from './sidecar/bed.ts'
import { inOwnNamespace } from './sidecar/own-namespace.ts'

const ready = () => answers(15021, '/ready', ({ status }) => status === 200)
const leaf = async () => (JSON.parse((await get(15000, '/certs')).body) as { chain: unknown[] }).chain[0]

inOwnNamespace(t, import.meta.filename, () => {
  t.test(
    'a sidecar restarts without its control plane, and hears of changes once that is back',
    async (t) => {
      const bed = await sidecarBed(t)
      bed.pod([8080])
      const control = await bed.controlPlane()
      const port = control.grpcPort
      const first = bed.sidecar(port)
      await ready()
      const certificate = await leaf()
      // Kept a moment after it came into force.
      await answers(15000, '/config_dump', () => exists(bed.at('state', 'configuration.json')))
      t.equal(statSync(bed.at('state', 'configuration.json')).mode & 0o777, 0o600)
      t.equal(statSync(bed.at('state', 'identity.json')).mode & 0o777, 0o600)

      await control.close()
      first.child.kill('SIGKILL')
      await first.over
      const second = bed.sidecar(port)
      await ready()
      t.strictSame(await leaf(), certificate, 'with the same certificate')
      t.notMatch((await get(15000, '/config_dump')).body, '"destinationPort": 9191')

      bed.pod([8080, 9191])
      await bed.controlPlane(port)
      await answers(15000, '/config_dump', ({ body }) => body.includes('"destinationPort": 9191'))
      t.pass('a change arrives')

      second.child.kill('SIGTERM')
      const draining = answers(
        15021,
        '/ready',
        ({ status, body }) => status === 503 && body.includes('draining'),
      )
      t.not(await Promise.race([draining, second.over]), 0, 'it says so before it ends')
      t.equal(await second.over, 0)
      const { privateKeyPem } = JSON.parse(readFileSync(bed.at('state', 'identity.json'), 'utf8')) as {
        privateKeyPem: string
      }
      const key = privateKeyPem.split('\n')[1] ?? 'no key'
      for (const { log } of [first, second]) {
        t.notOk(log.text.includes(bed.token) || log.text.includes(key), 'neither token nor key is logged')
        t.match(log.text, 'proxy serving')
      }
    },
  )
})

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
