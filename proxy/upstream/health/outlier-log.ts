import type { Logger } from '../../../core/log.ts'
import type { OutlierHost } from './outlier-member.ts'
import type { OutlierEvents } from './outlier-set.ts'

const WHY = {
  trial: 'a request went well there',
  set: 'the rest of the set is no better, or too few would be left, or nobody asks for it any more',
} as const

/** A line for each ejection and its end, of each cluster. */
export function outlierLog(log: Logger): (cluster: string) => OutlierEvents {
  return (cluster) => {
    const about = ({ address, workload }: OutlierHost) => ({ cluster, endpoint: address, workload })
    return {
      ejected: (host, reason, forMs) =>
        log.warn('an endpoint is ejected', { ...about(host), reason, seconds: forMs / 1000 }),
      returned: (host, why) => log.info('an ejected endpoint is back', { ...about(host), reason: WHY[why] }),
    }
  }
}
