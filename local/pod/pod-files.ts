import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DNS_ADDRESS } from '../controllers/addresses.ts'
import { CLUSTER_DOMAIN } from '../dns/zone.ts'
import type { PodSpec } from '../manifest/pod-spec.ts'
import type { PodFacts } from './field-ref.ts'

/** Writes the pod's own hosts, resolv.conf and hostname, as a kubelet does. */
export async function writePodFiles(directory: string, pod: PodFacts, spec: PodSpec): Promise<void> {
  const hostname = spec.hostname ?? pod.name
  const full =
    spec.subdomain === undefined
      ? ''
      : `${hostname}.${spec.subdomain}.${pod.namespace}.svc.${CLUSTER_DOMAIN} `
  const hosts = [
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost ip6-loopback',
    ...pod.ips.map((ip) => `${ip} ${full}${hostname}`),
    ...spec.hostAliases.map((alias) => `${alias.ip} ${alias.hostnames.join(' ')}`),
  ]
  const search = [`${pod.namespace}.svc.${CLUSTER_DOMAIN}`, `svc.${CLUSTER_DOMAIN}`, CLUSTER_DOMAIN]
  const resolver = [`nameserver ${DNS_ADDRESS}`, `search ${search.join(' ')}`, 'options ndots:5']
  await writeFile(join(directory, 'hosts'), `${hosts.join('\n')}\n`)
  await writeFile(join(directory, 'resolv.conf'), `${resolver.join('\n')}\n`)
  await writeFile(join(directory, 'hostname'), `${hostname}\n`)
}
