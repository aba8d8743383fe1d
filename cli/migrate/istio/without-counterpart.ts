const NO_ENVOY = 'take it out: no sidecar of Weft is an Envoy'

/** Kinds of Istio that nothing is printed for, with what to do. */
export const WITHOUT_COUNTERPART: Readonly<Record<string, string>> = {
  Gateway: 'keep the way in that is there: Weft serves traffic between pods',
  ServiceEntry: 'take it out: connections to addresses outside of the mesh pass through',
  Sidecar: 'take it out: a sidecar asks for what its pod calls',
  WorkloadEntry: 'run it as a pod: Weft has no workloads outside of the cluster',
  WorkloadGroup: 'run it as pods: Weft has no workloads outside of the cluster',
  EnvoyFilter: NO_ENVOY,
  WasmPlugin: NO_ENVOY,
  ProxyConfig: 'annotate the pods: docs/annotations.md',
  Telemetry:
    'take it out: metrics and traces are always there; their share is the annotation weft.dev/trace-sampling',
  TrafficExtension: NO_ENVOY,
  IstioOperator: 'install Weft by its chart, and take it out',
}
