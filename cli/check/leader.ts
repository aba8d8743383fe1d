import { LEADER_LEASE } from '../../core/contract.ts'
import { getObject, numberAt, textAt } from '../cluster/objects.ts'
import { relativeTime } from '../cluster/table.ts'
import { failed, ok, type Check } from './finding.ts'

/** Whether one control plane holds the Lease: only that one writes status, bundles and certificates. */
export const leader: Check = {
  name: 'leader',
  async run({ connection, system }) {
    const lease = await getObject(
      connection,
      `/apis/coordination.k8s.io/v1/namespaces/${system}/leases/${LEADER_LEASE}`,
    )
    const holder = textAt(lease?.body, 'spec', 'holderIdentity')
    if (holder === '')
      return [
        failed(`nobody holds Lease ${system}/${LEADER_LEASE}: no status, bundle or certificate is written`),
      ]
    const renewed = Date.parse(textAt(lease?.body, 'spec', 'renewTime'))
    const lives = numberAt(lease?.body, 'spec', 'leaseDurationSeconds') * 1000
    const now = Date.now()
    const text = `${holder.split('_')[0]} renewed the Lease ${relativeTime(renewed, now)}`
    // Twice: clocks of two machines differ.
    return [now - renewed > 2 * lives ? failed(`${text}, and it is over`) : ok(text)]
  },
}
