"""What az and azd really say when something goes wrong, from their sources and from issues that quote them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """An answer: exit code and standard error."""

    code: int
    text: str


EXPIRED_700082 = Text(
    1,
    "ERROR: AADSTS700082: The refresh token has expired due to inactivity. The token was issued on "
    "2026-05-01T08:00:00Z and was inactive for 90.00:00:00. Trace ID: 0a Correlation ID: 0b Timestamp: 2026-11-22\n"
    "Interactive authentication is needed. Please run:\naz login",
)
EXPIRED_70043 = Text(
    1,
    "ERROR: AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks by conditional "
    "access. The token was issued on 2026-11-20 and the maximum allowed lifetime for this request is 43200.",
)
NOT_SIGNED_IN = Text(1, "ERROR: Please run 'az login' to setup account.")
NO_ROLE = Text(
    1,
    "ERROR: deployment failed: error deploying infrastructure: AuthorizationFailed: The client "
    "'ada@example.com' with "
    "object id '7' does not have authorization to perform action "
    "'Microsoft.Authorization/roleAssignments/write' over "
    "scope '/subscriptions/1/resourceGroups/voicelive-phone' or the scope is invalid.",
)
SOFT_DELETED = Text(
    1,
    "ERROR: deployment failed: FlagMustBeSetForRestore: An existing resource with ID "
    "'/subscriptions/1/resourceGroups/"
    "voicelive-phone/providers/Microsoft.CognitiveServices/accounts/ai-abc123' has been soft-deleted. To restore the "
    "resource, you must specify 'restore' to be 'true' in the property. If you don't want to restore existing "
    "resource, "
    "please purge it first.",
)
SOFT_DELETED_VAULT = Text(
    1,
    "ERROR: deployment failed: ConflictError: A vault with the same name already exists in deleted state. You "
    "need to "
    "either recover or purge existing key vault.",
)
VAULT_TAKEN = Text(
    1,
    "ERROR: deployment failed: VaultAlreadyExists: The vault name 'kv-abc123' is already in use. Vault names are "
    "globally unique so it is possible that the name is already taken.",
)
SITE_TAKEN = Text(1, "ERROR: deployment failed: Conflict: Website with given name app-abc123 already exists.")
REGISTRY_TAKEN = Text(
    1, "ERROR: deployment failed: AlreadyInUse: The registry DNS name crabc123.azurecr.io is already in use."
)
NO_MACHINE = Text(
    1,
    "ERROR: deployment failed: Conflict: No available instances to satisfy this request. App Service is "
    "attempting to "
    "increase capacity. Please retry your request later.",
)
NO_CAPACITY = Text(
    1, "ERROR: deployment failed: InsufficientCapacity: The requested capacity is not available in this region."
)
NO_QUOTA = Text(
    1,
    "ERROR: deployment failed: SubscriptionIsOverQuotaForSku: This region has quota of 0 instances for your "
    "subscription. Try selecting different region or SKU.",
)
MODEL_NOT_HERE = Text(
    1,
    "ERROR: deployment failed: DeploymentModelNotSupported: The model 'gpt-realtime' is not supported in region "
    "'eastus'.",
)
POLICY = Text(1, "ERROR: deployment failed: RequestDisallowedByPolicy: Resource 'x' was disallowed by policy.")
PRINCIPAL = Text(
    1,
    "ERROR: deployment failed: PrincipalNotFound: Principal 99999999000000000000000000000000 does not exist in the "
    "directory 1234. Check that you have the correct principal ID.",
)
BUSY_429 = Text(
    1, "ERROR: (TooManyRequests) The request is being throttled as the limit has been reached for operation type."
)
BUSY_503 = Text(1, "ERROR: (ServiceUnavailable) The service is temporarily unavailable.")
CONFLICT_409 = Text(
    1,
    "ERROR: deployment failed: RequestConflict: Cannot modify resource with id '/subscriptions/1/x' because the "
    "resource entity provisioning state is not terminal.",
)
VAULT_FORBIDDEN = Text(
    1,
    "ERROR: (Forbidden) Caller is not authorized to perform action on resource.\nIf role assignments, deny "
    "assignments "
    "or role definitions were changed recently, please observe propagation time.\nCaller: appid=04b0;oid=7777\n"
    "Action: 'Microsoft.KeyVault/vaults/secrets/setSecret/action'\nAssignment: (not found)\nDecisionReason: "
    '\'DeniedWithNoValidRBAC\'\nCode: Forbidden\nInner error: {\n    "code": "ForbiddenByRbac"\n}',
)
VAULT_UNKNOWN = Text(
    1,
    "ERROR: <urllib3.connection.HTTPSConnection object at 0x7f>: Failed to resolve 'kv-abc123.vault.azure.net' "
    "([Errno -2] Name or service not known)",
)
REGISTRY_UNKNOWN = Text(
    3,
    "ERROR: The resource with name 'crabc123' and type 'Microsoft.ContainerRegistry/registries' could not be "
    "found in "
    "subscription 'Pay as you go (11111111-2222-3333-4444-555555555555)'.",
)
NO_TASKS = Text(
    1,
    "ERROR: (TasksOperationsNotAllowed) ACR Tasks requests for the registry crabc123 and 1111 are not "
    "permitted. Please "
    "file an Azure support request at http://aka.ms/azuresupport for assistance.\nCode: TasksOperationsNotAllowed",
)
BUILD_FAILED = Text(
    1,
    "Step 7/20 : RUN pip install\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n"
    "2026/11/22 22:10:00 Container failed during run: build. No retries remaining.\n"
    "Run ID: ca1 failed after 40s. Error: failed during run, err: exit status 1\nERROR: Run failed",
)
NO_GRAPH = Text(1, "ERROR: Insufficient privileges to complete the operation.")
OTHER = Text(4, "ERROR: Something that nobody has seen before.")
