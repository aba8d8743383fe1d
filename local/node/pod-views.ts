import type { EndpointPod } from '../controllers/endpoints.ts'
import type { PolicyPod } from '../network/policy/filter-rules.ts'
import type { PodRunner } from '../pod/pod-runner.ts'

/** What Services see of a pod. */
export function endpointPod(pod: PodRunner): EndpointPod {
  const { state } = pod
  return {
    ...state.facts,
    hostname: state.spec.hostname,
    subdomain: state.spec.subdomain,
    ports: [...state.spec.containers, ...state.spec.initContainers].flatMap((container) => container.ports),
    ready: state.ready,
    terminating: state.deletedAt !== undefined,
    finished: state.phase === 'Succeeded' || state.phase === 'Failed',
  }
}

/** What NetworkPolicies see of it. */
export function policyPod({ state, network }: PodRunner): PolicyPod {
  const { facts, spec, phase } = state
  return {
    namespace: facts.namespace,
    labels: facts.labels,
    ips: facts.ips,
    ports: [...spec.containers, ...spec.initContainers].flatMap(({ ports }) => ports),
    // Its address may be another's, once it has ended.
    device: phase === 'Succeeded' || phase === 'Failed' ? undefined : network?.device,
  }
}
