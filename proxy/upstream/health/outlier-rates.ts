import type { OutlierDetection, RateRule } from '../../model/outlier-detection.ts'
import type { EjectionReason, OutlierMember } from './outlier-member.ts'

/**
 * Whom the counts of an interval speak against, and by which rule. Success rate is Envoy's: below the mean less some standard
 * deviations. Failure percentage is Envoy's with a bound more: the endpoint fails more often than the rest of the set by as
 * much, for where all fail alike it is not the endpoint, and ejecting it would only leave fewer.
 */
export function outliersOf(
  members: readonly OutlierMember[],
  settings: OutlierDetection,
): readonly (readonly [OutlierMember, EjectionReason])[] {
  const found: [OutlierMember, EjectionReason][] = []
  const { successRate, failurePercentage } = settings
  const rated = withVolume(members, successRate)
  if (rated.length > 0) {
    const rates = rated.map(({ requests, failures }) => (100 * (requests - failures)) / requests)
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
    const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length
    // The factor is in thousandths.
    const least = mean - (Math.sqrt(variance) * successRate.stdevFactor) / 1000
    rated.forEach((member, i) => {
      if ((rates[i] as number) < least) found.push([member, 'success-rate'])
    })
  }
  const counted = withVolume(members, failurePercentage)
  const requests = sum(counted, 'requests')
  const failures = sum(counted, 'failures')
  for (const member of counted) {
    const percent = (100 * member.failures) / member.requests
    const others = requests - member.requests
    const ofOthers = others > 0 ? (100 * (failures - member.failures)) / others : 0
    if (percent >= failurePercentage.threshold && percent - ofOthers >= failurePercentage.threshold)
      found.push([member, 'failure-percentage'])
  }
  return found
}

function withVolume(members: readonly OutlierMember[], rule: RateRule): readonly OutlierMember[] {
  if (rule.enforcing === 0) return []
  const all = members.filter(({ requests }) => requests > 0 && requests >= rule.requestVolume)
  return all.length >= rule.minimumHosts ? all : []
}

function sum(members: readonly OutlierMember[], what: 'requests' | 'failures'): number {
  return members.reduce((total, member) => total + member[what], 0)
}
