import t from 'tap'
import { newRoot } from '../../proxy/testing/mesh-identity.ts'
import { inOwnNamespace } from '../sidecar/own-namespace.ts'
import { addAddresses } from './addresses-of-world.ts'
import { Application } from './application.ts'
import { Callers } from './calling-sidecars.ts'
import { SCENES } from './decisions/index.ts'
import { viewOf } from './pure.ts'
import { callOf } from './scene.ts'
import { ServingSidecar } from './serving-sidecar.ts'
import { PODS } from './world.ts'

// The table of decisions through sidecars: callers' ones of each identity, and those of the pods that are called, which follow
// the bytes that the control plane makes for them.

inOwnNamespace(t, import.meta.filename, () => {
  t.test('sidecars decide as the table says', async (t) => {
    addAddresses()
    const root = newRoot()
    const servers = new Map<string, ServingSidecar>()
    const applications = new Map<string, Application>()
    for (const [name, pod] of Object.entries(PODS)) {
      const addresses = pod.address6 === undefined ? [pod.address] : [pod.address, pod.address6]
      for (const address of addresses) applications.set(name, await Application.listen(t, address, pod.ports))
      servers.set(name, await ServingSidecar.start(t, root, pod, addresses))
    }
    const callers = new Callers(t, root)
    for (const { name, objects, asked } of SCENES) {
      const view = viewOf(objects)
      for (const server of servers.values()) server.follow(view)
      for (const [caller, ask, answer] of asked) {
        const call = callOf(caller, ask)
        // Certificates of other trust domains and tokens have tests of their own.
        if (caller.startsWith('spiffe:') || call.claims) continue
        const title = `${name}: ${caller} ${JSON.stringify(ask)}`
        const { allowed, status, body } = await callers.call(call)
        const record = await servers.get(call.pod)?.told()
        const [now = '', then = ''] = answer.split(', dry run: ')
        const [verdict = '', rule = 'none'] = now.split(',')[0]?.split(' ') ?? []
        t.equal(allowed ? 'allow' : 'deny', verdict, title)
        // A dry run that would refuse is told of, and so is what is noted, rather than who let it in.
        const refused = /^deny ?([^,]*)/.exec(then)
        if (refused) t.match(record, { decision: 'dry-run-denied', policy: refused[1] || 'none' }, title)
        else if (!answer.includes('audit: ')) t.equal(record?.policy || 'none', rule, title)
        else if (allowed) t.equal(record?.decision, 'audited', title)
        const grpc = call.headers.some(([, value]) => value === 'application/grpc')
        if (!call.bytes) t.equal(status, allowed || grpc ? 200 : 403, title)
        if (status === 403) t.equal(body, `access denied, reference ${record?.reference}\n`, title)
      }
    }
  })
})
