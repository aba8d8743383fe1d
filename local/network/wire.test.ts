import { execFileSync, spawn, spawnSync } from 'node:child_process'
import t from 'tap'
import { mustRun } from '../node/run-command.ts'
import { inNamespace, nodeNetwork } from './node-network.ts'
import type { NetworkMode } from './node-network.ts'
import { addPodNetwork, prepareNodeNetwork, removePodNetwork } from './pod-network.ts'
import { Wire } from './wire.ts'

// In namespaces of its own, of a user namespace: what needs more than that does not work without root.
const WITHIN = 'WEFT_TEST_WIRE_NAMESPACE'
const ENTER = ['--user', '--map-root-user', '--net', '--mount']

if (process.env[WITHIN] === undefined) {
  const able = spawnSync('unshare', [...ENTER, '--', 'true']).status === 0
  t.test('in a user namespace', { skip: able ? false : 'needs user namespaces' }, async (t) => {
    for (const mode of ['vxlan', 'routed']) {
      const argv = [...ENTER, '--', process.execPath, import.meta.filename]
      const run = spawnSync('unshare', argv, { env: { ...process.env, [WITHIN]: mode }, encoding: 'utf8' })
      t.equal(run.status, 0, `${mode}: ${run.stdout}${run.stderr}`)
    }
  })
} else {
  const mode = process.env[WITHIN] as NetworkMode
  t.test(`pods of two nodes reach each other, ${mode}`, async (t) => {
    execFileSync('mount', ['-t', 'tmpfs', 'test', '/run'])
    const ipv6 = await prepareNodeNetwork()
    const wire = new Wire(mode, ipv6)
    await wire.prepare()
    const nodes = [nodeNetwork(1, mode), nodeNetwork(2, mode)] as const
    for (const node of nodes) await wire.join(node)
    const pod = (index: number, node: (typeof nodes)[number]) => {
      const low = index & 0xff
      const v6 = `fd00:10:244::${index.toString(16)}`
      return addPodNetwork({ index, v4: `10.244.${index >> 8}.${low}`, v6 }, ipv6, node)
    }
    const near = await pod(0x102, nodes[0])
    const far = await pod(0x202, nodes[1])
    const caller = async (from: string, to: string): Promise<string> => {
      const server = `require('node:net').createServer((s) => s.end(s.remoteAddress)).listen(80, '::', () => console.log('up'))`
      const argv = [...inNamespace(far.name), process.execPath, '-e', server]
      const child = spawn('/usr/bin/env', argv, { stdio: ['ignore', 'pipe', 'inherit'] })
      await new Promise((resolve) => child.stdout.once('data', resolve))
      const script = `require('node:net').connect(80, '${to}').setTimeout(5000, function () { this.destroy() }).on('data', (d) => process.stdout.write(d)).on('error', (e) => console.log(e.code))`
      const said = await mustRun([...(from === '' ? [] : inNamespace(from)), process.execPath, '-e', script])
      child.kill('SIGKILL')
      return said
    }
    t.equal(await caller(near.name, far.addresses.v4), `::ffff:${near.addresses.v4}`)
    if (ipv6) t.equal(await caller(near.name, far.addresses.v6), near.addresses.v6)
    t.equal(await caller('', far.addresses.v4), '::ffff:10.244.0.1', 'probes come from the cluster itself')
    await wire.setLink(nodes[1], 'down')
    t.notMatch(await caller(near.name, far.addresses.v4), /10\.244/, 'cut off')
    await wire.setLink(nodes[1], 'up')
    t.equal(await caller(near.name, far.addresses.v4), `::ffff:${near.addresses.v4}`, 'and back')
    await removePodNetwork(near)
    await removePodNetwork(far)
  })
}
