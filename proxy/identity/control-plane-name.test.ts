import t from 'tap'
import { controlPlaneName } from './control-plane-name.ts'

t.test('a control plane in another namespace is known by its own name', async (t) => {
  for (const [address, name] of [
    ['weft-control-plane.mesh.svc:15012', 'weft-control-plane.mesh.svc'],
    ['weft-control-plane.mesh.svc.k8s.example:15012', 'weft-control-plane.mesh.svc.k8s.example'],
    ['mesh.example:443', 'mesh.example'],
    ['127.0.0.1:15012', 'weft-control-plane.weft-system.svc'],
    ['[fd00::7]:15012', 'weft-control-plane.weft-system.svc'],
    ['localhost:15012', 'weft-control-plane.weft-system.svc'],
  ] as const)
    t.equal(controlPlaneName(address), name, address)
})
