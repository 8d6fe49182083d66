package v1alpha1

// Conditions of every kind. Ready is computed from the ones that follow; Reconciling and Stalled say whether the
// operator is still at it, or waits for somebody to change something (kstatus reads them).
const (
	ConditionReady       = "Ready"
	ConditionReconciling = "Reconciling"
	ConditionStalled     = "Stalled"
)

// Conditions of a ChatPool, in the order in which they come true.
const (
	// ConditionCertificatesReady: the pool's CA and certificates exist and are valid.
	ConditionCertificatesReady = "CertificatesReady"
	// ConditionDirectoryReady: every Static user has a password.
	ConditionDirectoryReady = "DirectoryReady"
	// ConditionDatabaseReady: the database has a primary that takes connections.
	ConditionDatabaseReady = "DatabaseReady"
	// ConditionMirrorInSync: every commit is flushed on a mirror, too. It is part of Ready unless durability is
	// PreferMirror or the database is External.
	ConditionMirrorInSync = "MirrorInSync"
	// ConditionSchemaReady: the migrations of the current image have been applied.
	ConditionSchemaReady = "SchemaReady"
	// ConditionServersReady: all servers run the current revision and are ready.
	ConditionServersReady = "ServersReady"
)

// Conditions of a ChatPool with two sites.
const (
	// ConditionServing: this site serves the highest epoch.
	ConditionServing = "Serving"
	// ConditionPeerReachable: the other site's operator answers.
	ConditionPeerReachable = "PeerReachable"
	// ConditionPoolStateAgrees: both manifests want the pool in the same site.
	ConditionPoolStateAgrees = "PoolStateAgrees"
	// ConditionFailoverReady: the pool could move to its Backup site now.
	ConditionFailoverReady = "FailoverReady"
	// ConditionFailbackReady: the pool could move to its Primary site now.
	ConditionFailbackReady = "FailbackReady"
	// ConditionForceRefused: a person's word is not followed, and why.
	ConditionForceRefused = "ForceRefused"
	// ConditionTransitionActive: a move, or a return, is under way.
	ConditionTransitionActive = "TransitionActive"
	// ConditionSplitBrainGuard: what keeps both sites from accepting posts at the same time.
	ConditionSplitBrainGuard = "SplitBrainGuard"
)

// Conditions of Category and Room.
const (
	// ConditionApplied: the pool has the object as it is declared.
	ConditionApplied = "Applied"
	// ConditionScopeSatisfied: everybody named in a Room is in its Category's scope.
	ConditionScopeSatisfied = "ScopeSatisfied"
	// ConditionDeclarationDiffers: in a pool with two sites, the pool has the object as the other site applied it while
	// that was active, and this site does not apply its own.
	ConditionDeclarationDiffers = "DeclarationDiffers"
)

// Reasons of conditions.
const (
	ReasonReady       = "Ready"       // all is as declared
	ReasonProgressing = "Progressing" // the operator waits for something that happens by itself
	ReasonDegraded    = "Degraded"    // it was complete and is not now
	ReasonError       = "Error"       // a call failed and is tried again; the message has its error
	ReasonDeleting    = "Deleting"    // the object is being deleted

	ReasonSecretMissing       = "SecretMissing"        // a Secret that the manifest names does not exist
	ReasonSecretIncomplete    = "SecretIncomplete"     // it lacks a key
	ReasonNotOurs             = "NotOurs"              // an object of the name exists and belongs to somebody else
	ReasonNoCloudNativePG     = "CloudNativePGMissing" // its custom resources are not installed
	ReasonExternal            = "External"             // the database is run by others
	ReasonSingleInstance      = "SingleInstance"       // there is no mirror
	ReasonMirrorLost          = "MirrorLost"           // no mirror is in sync
	ReasonMigrationRunning    = "MigrationRunning"
	ReasonMigrationFailed     = "MigrationFailed"
	ReasonWaitingForDatabase  = "WaitingForDatabase"
	ReasonWaitingForMigration = "WaitingForMigration"
	ReasonSitesNotActive      = "SitesNotActive" // this operator's site is not the one that runs the pool

	ReasonServing    = "Serving"    // it serves
	ReasonNoEndpoint = "NoEndpoint" // spec.sites[].databaseEndpoint is missing

	ReasonApplied          = "Applied"
	ReasonPoolNotFound     = "PoolNotFound"
	ReasonPoolNotReady     = "PoolNotReady"
	ReasonCategoryNotFound = "CategoryNotFound"
	ReasonCategoryNotReady = "CategoryNotReady"
	ReasonOtherPool        = "OtherPool"  // the category is in another pool
	ReasonHasRooms         = "HasRooms"   // a category with rooms cannot be removed
	ReasonRefused          = "Refused"    // the pool refused it; the message says why and what to change
	ReasonOutOfScope       = "OutOfScope" // members outside of the category's scope are left out
	ReasonInScope          = "InScope"
	ReasonChangedElsewhere = "ChangedElsewhere" // the other site applied another content
	ReasonDeletedElsewhere = "DeletedElsewhere" // the object was deleted in the other site
	ReasonNothingDiffers   = "NothingDiffers"   // nothing that the other site applied is in the way
)
