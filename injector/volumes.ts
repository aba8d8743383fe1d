import {
  BUNDLE_CONFIG_MAP,
  BUNDLE_KEY,
  TOKEN_AUDIENCE,
  CA_DIRECTORY,
  STATE_DIRECTORY,
  TOKEN_DIRECTORY,
} from '../core/contract.ts'
import { clusterTrustBundleName } from '../core/cluster-trust-bundle.ts'
import type { JsonObject } from './json-patch.ts'

/** Volumes that injection adds; a pod can't have its own of these names. */
export const VOLUME_NAMES: readonly string[] = ['weft-token', 'weft-ca', 'weft-state']

const TOKEN_SECONDS = 3600

/**
 * The volumes of the sidecar; no other container mounts them. `trustBundleSigner`: the roots are read from the
 * ClusterTrustBundle of that signer; '' from the ConfigMap of the namespace.
 */
export function sidecarVolumes(trustBundleSigner: string): JsonObject[] {
  return [
    {
      name: 'weft-token',
      projected: {
        // 0644, not 0600: the kubelet narrows it where the pod has an fsGroup, and the sidecar isn't root.
        defaultMode: 0o644,
        sources: [
          {
            serviceAccountToken: {
              audience: TOKEN_AUDIENCE,
              expirationSeconds: TOKEN_SECONDS,
              path: 'token',
            },
          },
        ],
      },
    },
    { name: 'weft-ca', ...rootsFrom(trustBundleSigner) },
    // The key and the last configuration, for the sidecar's own restart: never on a disk.
    { name: 'weft-state', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
  ]
}

function rootsFrom(signerName: string): JsonObject {
  if (signerName === '')
    return { configMap: { name: BUNDLE_CONFIG_MAP, items: [{ key: BUNDLE_KEY, path: BUNDLE_KEY }] } }
  // By its name: what others write for the same signer is not trusted.
  const clusterTrustBundle = { name: clusterTrustBundleName(signerName), path: BUNDLE_KEY }
  return { projected: { defaultMode: 0o644, sources: [{ clusterTrustBundle }] } }
}

export function sidecarMounts(): JsonObject[] {
  return [
    { name: 'weft-token', mountPath: TOKEN_DIRECTORY, readOnly: true },
    { name: 'weft-ca', mountPath: CA_DIRECTORY, readOnly: true },
    { name: 'weft-state', mountPath: STATE_DIRECTORY },
  ]
}
