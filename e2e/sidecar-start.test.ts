import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { bundle } from '../cli/bundle.ts'
import { answers, sidecarBed } from './sidecar/bed.ts'
import { inOwnNamespace } from './sidecar/own-namespace.ts'

inOwnNamespace(t, import.meta.filename, () => {
  t.test('without control plane and snapshot it lives, is not ready, and says why', async (t) => {
    const bed = await sidecarBed(t)
    const { child, over } = bed.sidecar(1)
    const body = await answers(15021, '/ready', (answer) => answer.body.includes('ECONNREFUSED'))
    t.match(body, /^NOT READY: no certificate yet: .*ECONNREFUSED/)
    t.equal(child.exitCode, null)
    child.kill('SIGTERM')
    t.equal(await over, 0)
  })

  t.test('a control plane that takes connections and says nothing holds up no end', async (t) => {
    const sockets: Socket[] = []
    const mute = createServer((socket) => void sockets.push(socket.on('error', () => {}).resume()))
    t.teardown(() => {
      mute.close()
      for (const socket of sockets) socket.destroy()
    })
    mute.listen(1, '127.0.0.1')
    await once(mute, 'listening')
    const accepted = once(mute, 'connection')
    const bed = await sidecarBed(t)
    const { child, over } = bed.sidecar(1)
    await accepted
    await answers(15021, '/ready', ({ status }) => status === 503)
    child.kill('SIGTERM')
    t.equal(await over, 0)
  })

  // The first that is bound, and the last.
  for (const port of [15001, 15090]) {
    t.test(`port ${port} is taken: 1, and one line`, async (t) => {
      const taken = createServer().listen(port, port === 15001 ? '127.0.0.1' : '::')
      await once(taken, 'listening')
      t.teardown(() => taken.close())
      const bed = await sidecarBed(t)
      const { log, over } = bed.sidecar(1)
      t.equal(await over, 1)
      const lines = log.text.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
      t.equal(lines.length, 1)
      t.match(
        lines[0],
        new RegExp(`^weft proxy: cannot listen on .*:${port}: another process listens there$`),
      )
    })
  }

  t.test(
    'the bundle of an image gets its certificate and configuration, and tells its telemetry',
    async (t) => {
      const into = mkdtempSync(join(tmpdir(), 'weft-bundle-'))
      t.teardown(() => rmSync(into, { recursive: true }))
      const { path } = await bundle('proxy', { into })
      const bed = await sidecarBed(t)
      bed.pod([8080])
      const { grpcPort } = await bed.controlPlane()
      const { child, log, over } = bed.sidecar(grpcPort, { program: path })
      await answers(15021, '/ready', ({ status }) => status === 200)
      child.kill('SIGTERM')
      t.equal(await over, 0)
      t.notMatch(log.text, /undefined|is not a/, 'nothing that the bundle lacks')
    },
  )

  t.test('a pod without IPv6 gets its sidecar', async (t) => {
    writeFileSync('/proc/sys/net/ipv6/conf/all/disable_ipv6', '1')
    const bed = await sidecarBed(t)
    bed.pod([8080])
    const { grpcPort } = await bed.controlPlane()
    const { child, over } = bed.sidecar(grpcPort)
    await answers(15021, '/ready', ({ status }) => status === 200)
    t.pass('ready over IPv4')
    child.kill('SIGTERM')
    t.equal(await over, 0)
  })
})
