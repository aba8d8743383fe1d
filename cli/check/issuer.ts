import { askControlPlanes } from '../mesh/control-planes.ts'
import { failed, ok, unknown, type Check } from './finding.ts'

/** Whether whoever signs certificates does: those that are there last to their end, and new pods get none meanwhile. */
export const issuer: Check = {
  name: 'issuer',
  async run(session) {
    const replicas = await askControlPlanes(session)
    const answered = replicas.filter(({ error }) => error === undefined)
    if (replicas.length > 0 && answered.length === 0)
      return [unknown(`no control plane could be asked: ${replicas[0]?.error ?? ''}`)]
    const troubled = answered.filter(({ issuer: { trouble } }) => trouble !== '')
    if (troubled.length === 0) {
      const titles = [...new Set(answered.map(({ issuer: { title } }) => title))].filter((one) => one !== '')
      return [ok(titles.join(', ') || 'no replica tells of any trouble')]
    }
    return troubled.map(({ replica, issuer: { title, trouble } }) =>
      failed(`${title}, as ${replica} sees it: ${trouble}`),
    )
  },
}
