import { PART_NAMES } from '../kubernetes/programs/programs.ts'
import { underLoad } from '../kubernetes/story/under-load.ts'
import { eventually, failuresOf, onePod, play, type Step } from '../demo/scenario.ts'
import { CertManagerBed } from './cert-manager-bed.ts'
import { CERT_MANAGER } from './programs.ts'
import type { Trial } from './trial.ts'

const RENEWALS = 4
const PATIENCE_S = 180
const LOAD = ['--url', 'http://catalog:8080/items/{n}', '--rate', '50']

export const certManagerTrial: Trial = {
  name: 'cert-manager',
  version: CERT_MANAGER,
  part: 'cert-manager',
  clusterParts: PART_NAMES,
  async play(programs, progress) {
    const bed = await CertManagerBed.start(programs, progress)
    try {
      return await play(steps, bed, progress)
    } finally {
      await bed.cluster.stop()
    }
  },
}

/** What must be seen of a mesh whose intermediate cert-manager renews. */
const steps: readonly Step<CertManagerBed>[] = [
  {
    name: 'certificate',
    expected: "sidecars show a leaf below the Secret's intermediate, and that leads to the root beside it",
    async run(bed) {
      const [leaf, ca] = await bed.shownBy(await onePod(bed.mesh, 'shop', 'catalog'))
      const { root } = await bed.secret()
      const ok =
        leaf?.subjectAltName === 'URI:spiffe://cluster.local/ns/shop/sa/catalog' &&
        ca !== undefined &&
        leaf.verify(ca.publicKey) &&
        ca.verify(root.publicKey)
      return { ok, observed: `${leaf?.subjectAltName} below "${ca?.subject}"` }
    },
  },
  {
    name: 'renewals under load',
    expected: `${RENEWALS} renewals with a new key each, pods that are replaced meanwhile get leaves of the newest: no request fails`,
    async run(bed) {
      const client = await onePod(bed.mesh, 'shop', 'client')
      const seen = new Set([(await bed.secret()).ca.serialNumber])
      let followed = ''
      const report = await underLoad(bed.mesh, client, LOAD, async () => {
        await eventually(PATIENCE_S, `${RENEWALS} renewals`, async () => {
          seen.add((await bed.secret()).ca.serialNumber)
          return seen.size > RENEWALS ? true : undefined
        })
        const before = seen.size
        for (const version of ['v1', 'v2']) await bed.restart(`catalog-${version}`)
        followed = await eventually(PATIENCE_S, 'a leaf of a renewed intermediate', async () => {
          const [, ca] = await bed.shownBy(await onePod(bed.mesh, 'shop', 'catalog'))
          seen.add((await bed.secret()).ca.serialNumber)
          const all = [...seen]
          return ca && all.indexOf(ca.serialNumber) >= before - 1 ? ca.serialNumber : undefined
        })
      })
      return {
        ok: report.failed === 0 && report.sent > 0,
        observed: `${seen.size - 1} renewals; a new pod's leaf is of ${followed}; ${failuresOf(report)}`,
      }
    },
  },
]
