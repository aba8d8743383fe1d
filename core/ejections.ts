/**
 * The gauge by which a sidecar tells of each endpoint that it leaves out for how it did: seconds until one request decides, 0
 * while one does. Repeated each second, so that whoever hears of one no more knows that it is over.
 */
export const EJECTED_METRIC = 'weft.endpoint.ejected'

/** More of one sidecar are not told. */
export const MOST_EJECTED = 100
