import { DNS_ADDRESS } from '../../controllers/addresses.ts'
import type { PolicyPod } from './filter-rules.ts'

/** What answers names is the node, and no pod. Policies find it where clusters have it: their way to write "names". */
export const DNS_POD: PolicyPod = {
  namespace: 'kube-system',
  labels: { 'k8s-app': 'kube-dns' },
  ips: [DNS_ADDRESS],
  ports: [
    { name: 'dns', containerPort: 53, protocol: 'UDP' },
    { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
  ],
  device: undefined,
}
