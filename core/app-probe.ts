import type { HttpProbe } from './http-probe.ts'

/**
 * A probe of the application that the sidecar makes for the kubelet, from inside the pod, to the pod's
 * address. The names are Kubernetes' own; exactly one of the three is there.
 */
export interface AppProbe {
  readonly httpGet?: HttpProbe
  readonly tcpSocket?: { readonly port: number }
  readonly grpc?: { readonly port: number; readonly service: string }
  readonly timeoutSeconds: number
}

/** What WEFT_APP_PROBES holds, written by the injector and read by the sidecar: by the path under which HEALTH_PORT answers, e.g. `/app-health/web/readyz`. */
export type AppProbes = Readonly<Record<string, AppProbe>>
