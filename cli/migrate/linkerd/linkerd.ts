import type { Migrate } from '../migrate-objects.ts'
export const migrateLinkerd: Migrate = () => []
