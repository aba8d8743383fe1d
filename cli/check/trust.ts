import { BUNDLE_CONFIG_MAP, BUNDLE_KEY } from '../../core/contract.ts'
import { certificatesIn } from '../cluster/certificates.ts'
import { getObject, listObjects, textAt } from '../cluster/objects.ts'
import { relativeTime } from '../cluster/table.ts'
import { meshNamespaces } from './mesh-namespaces.ts'
import { failed, ok, someOf, warning, type Check } from './finding.ts'

const SOON_MS = 30 * 24 * 60 * 60 * 1000

/** When the roots that proxies trust end. */
export const roots: Check = {
  name: 'roots',
  async run({ connection, system }) {
    const found = await getObject(connection, `/api/v1/namespaces/${system}/configmaps/${BUNDLE_CONFIG_MAP}`)
    const certificates = certificatesIn(textAt(found?.body, 'data', BUNDLE_KEY))
    if (certificates.length === 0)
      return [failed(`ConfigMap ${system}/${BUNDLE_CONFIG_MAP} has no certificate: no proxy trusts another`)]
    const now = Date.now()
    const ends = certificates.map((one) => one.validToDate.getTime())
    const last = Math.max(...ends)
    const text = `${certificates.length}, the last one ends ${relativeTime(last, now)}`
    if (last <= now) return [failed(`${text}: no connection of the mesh is trusted any more`)]
    return [last - now < SOON_MS ? warning(`${text}: rotate them, see docs/operations.md`) : ok(text)]
  },
}

/** Whether every namespace of the mesh has the roots as they are now: pods wait for them. */
export const bundles: Check = {
  name: 'bundles',
  async run(session) {
    const { connection, system } = session
    const [all, namespaces] = await Promise.all([
      listObjects(connection, '/api/v1/configmaps', { fieldSelector: `metadata.name=${BUNDLE_CONFIG_MAP}` }),
      meshNamespaces(session),
    ])
    const byNamespace = new Map(all.map((one) => [one.namespace, textAt(one.body, 'data', BUNDLE_KEY)]))
    const own = byNamespace.get(system)
    if (own === undefined)
      return [failed(`there is no ConfigMap ${system}/${BUNDLE_CONFIG_MAP} to compare with`)]
    const without = namespaces.filter(({ name }) => byNamespace.get(name) !== own).map(({ name }) => name)
    if (without.length === 0) return [ok(`in all ${namespaces.length} namespaces of the mesh`)]
    return [
      failed(
        `ConfigMap ${BUNDLE_CONFIG_MAP} is missing or old in ${someOf(without)}: see the control plane's log`,
      ),
    ]
  },
}
