import type { X509Certificate } from 'node:crypto'
import { BUNDLE_CONFIG_MAP, BUNDLE_KEY, CA_SECRET } from '../../core/contract.ts'
import { certificatesIn, issuingCertificates, titleOf } from '../cluster/certificates.ts'
import { getObject, listObjects, textAt, textsAt } from '../cluster/objects.ts'
import { relativeTime } from '../cluster/table.ts'
import { askControlPlanes } from '../mesh/control-planes.ts'
import { endsSoon, SOON_MS } from './ends-soon.ts'
import { meshNamespaces } from './mesh-namespaces.ts'
import { failed, ok, someOf, unknown, warning, type Check } from './finding.ts'

/** When the roots that proxies trust end. */
export const roots: Check = {
  name: 'roots',
  async run({ connection, system }) {
    const found = await getObject(connection, `/api/v1/namespaces/${system}/configmaps/${BUNDLE_CONFIG_MAP}`)
    const certificates = certificatesIn(textAt(found?.body, 'data', BUNDLE_KEY))
    if (certificates.length === 0)
      return [failed(`ConfigMap ${system}/${BUNDLE_CONFIG_MAP} has no certificate: no proxy trusts another`)]
    const now = Date.now()
    const endOf = (one: X509Certificate): number => one.validToDate.getTime()
    const last = Math.max(...certificates.map(endOf))
    const text = `${certificates.length}, the last one ends ${relativeTime(last, now)}`
    if (last <= now) return [failed(`${text}: no connection of the mesh is trusted any more`)]
    if (last - now < SOON_MS) return [warning(`${text}: rotate them, see docs/operations.md`)]
    // One that is over already is trusted for nothing; what it signed shows as ended by itself.
    const soon = certificates.filter((one) => endOf(one) > now && endOf(one) - now < SOON_MS)
    return soon.length === 0
      ? [ok(text)]
      : soon.map((one) =>
          warning(
            `${titleOf(one)} (serial ${one.serialNumber}) ends ${relativeTime(endOf(one), now)}, and all that it signed: ` +
              'end its rotation, see docs/operations.md',
          ),
        )
  },
}

/** When the CA ends that signs for workloads, where it is in a Secret of the cluster. */
export const issuingCa: Check = {
  name: 'issuing CA',
  async run(session) {
    const { connection, system } = session
    const titles = (await askControlPlanes(session))
      .map((one) => one.issuer.title)
      .filter((one) => one !== '')
    const secrets = titles.flatMap((title) => /^Secret ([a-z0-9.-]+\/[a-z0-9.-]+)$/.exec(title)?.[1] ?? [])
    if (titles.length > 0 && secrets.length === 0)
      return [ok(`it is not in the cluster: ${[...new Set(titles)].join(', ')} has it`)]
    const [namespace = '', name = ''] = (secrets[0] ?? `${system}/${CA_SECRET}`).split('/')
    const found = await getObject(connection, `/api/v1/namespaces/${namespace}/secrets/${name}`)
    const [one] = issuingCertificates(textsAt(found?.body, 'data'))
    if (!one)
      return [
        secrets.length === 0
          ? unknown(
              `there is no certificate in Secret ${namespace}/${name}, and no control plane says who signs`,
            )
          : failed(`Secret ${namespace}/${name} has no certificate that signs: see the control plane's log`),
      ]
    const now = Date.now()
    const end = one.validToDate.getTime()
    const renew =
      name === CA_SECRET
        ? 'the control plane should have renewed it, see its log; where its root ends, too, rotate that (docs/operations.md)'
        : 'whoever keeps that Secret has to renew it'
    const text = `${titleOf(one)} in Secret ${namespace}/${name} ${end <= now ? 'ended' : 'ends'} ${relativeTime(end, now)}`
    if (end <= now) return [failed(`${text}: nothing that it signs is trusted; ${renew}`)]
    return [endsSoon(one, now) ? warning(`${text}: ${renew}`) : ok(text)]
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
