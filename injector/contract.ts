/** Names and numbers that the injected pod, the sidecar and the control plane agree on. */
export const INJECT_LABEL = 'weft.dev/inject'
/** On every injected pod, for selectors. */
export const INJECTED_LABEL = 'weft.dev/injected'
/** On every injected pod: JSON {version, order, initContainers, containers, volumes}. */
export const STATUS_ANNOTATION = 'weft.dev/status'

export const PROXY_CONTAINER = 'weft-proxy'
export const INIT_CONTAINER = 'weft-init'

export const PROXY_UID = 1337
export const PROXY_GID = 1337

export const OUTBOUND_PORT = 15001
export const INBOUND_PORT = 15006
export const ADMIN_PORT = 15000
export const HEALTH_PORT = 15021
export const METRICS_PORT = 15090
/** Ports that the sidecar answers itself; 15020 is kept for merged metrics. Never captured. */
export const OWN_INBOUND_PORTS: readonly number[] = [ADMIN_PORT, 15020, HEALTH_PORT, METRICS_PORT]
/** Ports that an application in a meshed pod can't have. */
export const RESERVED_PORTS: readonly number[] = [...OWN_INBOUND_PORTS, OUTBOUND_PORT, INBOUND_PORT]

/** On HEALTH_PORT: 200 once the sidecar has its certificate and configuration, 503 before and while it drains. */
export const READY_PATH = '/ready'

export const TOKEN_DIRECTORY = '/var/run/secrets/weft/token'
export const TOKEN_FILE = `${TOKEN_DIRECTORY}/token`
export const CA_DIRECTORY = '/var/run/secrets/weft/ca'
export const CA_FILE = `${CA_DIRECTORY}/root-cert.pem`
export const STATE_DIRECTORY = '/var/lib/weft'
