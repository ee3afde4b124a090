# What Azure's answers mean: what passes by itself, and what somebody has to do. The texts are those of az 2.91, azd 1.x
# and Azure Resource Manager. Sourced by azdeploy.sh.
# shellcheck shell=bash

# why_busy TEXT EXPECTING: why this failure passes by itself, in words; nothing where it does not.
why_busy() {
    if [ -n "$(known_problem "$1")" ]; then return; fi
    # A hook that failed had its own tries.
    case $1 in *"' hook failed with exit code"*) return ;; esac
    case $1 in
        *"No available instances to satisfy this request"*) say "App Service has no free machine in this region" ;;
        *InsufficientCapacity* | *InsufficientResourcesAvailable* | *"capacity is currently unavailable"* | \
            *"experiencing high demand"*) say "the region has no capacity for the model at the moment" ;;
        *PrincipalNotFound*) say "the new identity is not yet known everywhere" ;;
        *AnotherOperationInProgress* | *RequestConflict* | *DeploymentActive* | *"another operation is in progress"* | \
            *"provisioning state is not terminal"*) say "Azure is still at work on the resource" ;;
        *TooManyRequests* | *"Too Many Requests"* | *"RESPONSE 429"*) say "Azure asks to slow down" ;;
        *ServiceUnavailable* | *"Service Unavailable"* | *ServerTimeout* | *GatewayTimeout* | *"Bad Gateway"*)
            say "Azure is busy" ;;
        *"Failed to resolve"* | *"Name or service not known"* | *"getaddrinfo failed"* | *"nodename nor servname"* | \
            *"no such host"*) say "the name of the new resource is not yet known everywhere" ;;
        *"Connection aborted"* | *"Connection reset"* | *"Read timed out"* | *"connection was forcibly closed"*)
            say "the connection to Azure broke" ;;
        *)
            case $2:$1 in
                vault:*Forbidden*) say "the role in the new vault is not yet effective" ;;
                registry:*"could not be found"* | registry:*ResourceNotFound* | registry:*"failed to get ACR refresh token"* | \
                    registry:*"unauthorized: authentication required"*) say "the new registry is not yet known everywhere" ;;
            esac
            ;;
    esac
}

# known_problem TEXT: what is wrong and what to do next; nothing where we do not know.
known_problem() {
    case $1 in
        *AADSTS70043* | *AADSTS700082* | *AADSTS50173* | *AADSTS50076* | *AADSTS50078* | *"Please run 'az login'"* | \
            *"please run:"*"az login"* | *"run \`azd auth login\`"* | *"Login expired"*)
            say "The sign-in has expired. Sign in again: az login, and azd auth login."
            ;;
        *FlagMustBeSetForRestore* | *"has been soft-deleted"* | *"in deleted state"* | *"deleted but recoverable"* | \
            *SoftDeletedVaultDoesNotExist*)
            say "A deleted resource still holds the name. Run bash azdeploy.sh full: it finds it and offers to purge it."
            ;;
        *VaultAlreadyExists* | *AlreadyInUse* | *"already in use"* | *CustomDomainInUse* | \
            *"Website with given name"*"already exists"* | *"globally unique"*)
            say "Somebody else has a name that is unique in all of Azure. Choose another resource group (--rg): the names are made from it."
            ;;
        *AuthorizationFailed* | *"does not have authorization to perform action"*)
            say "Your account may not do this. Ask for Owner on the subscription, or for Contributor and Role Based Access Control Administrator."
            ;;
        *RequestDisallowedByPolicy*)
            say "A policy of your organisation forbids this. Ask who looks after the subscription; the policy's name is above."
            ;;
        *TasksOperationsNotAllowed*)
            say "This subscription may not build in the registry (trial subscriptions may not). Install and start Docker, then run bash azdeploy.sh image: it builds here and pushes."
            ;;
        *SubscriptionIsOverQuotaForSku* | *"without additional quota"* | *"has quota of 0 instances"*)
            say "The subscription has no quota for this App Service plan here. Choose another size (--sku) or region (--location), or ask for quota in the portal under Quotas."
            ;;
        *InsufficientQuota* | *QuotaExceeded*)
            say "A quota of the subscription is used up. Remove what is not needed, or ask for quota in the portal under Quotas."
            ;;
        *SkuNotAvailable* | *LocationNotAvailableForResourceType* | *RegionClosedForSubscription*)
            say "This region does not offer everything that is needed to your subscription. Choose another one (--location)."
            ;;
        *InvalidResourceGroupLocation*)
            say "The resource group is in another region. Choose its region (--location) or another group (--rg)."
            ;;
        *ReadOnlyDisabledSubscription*)
            say "The subscription is disabled. Enable it in the portal, or choose another one (--subscription)."
            ;;
        *SubscriptionNotFound* | *"doesn't exist in cloud"*)
            say "This account does not have that subscription. See: az account list --output table"
            ;;
        *MissingSubscriptionRegistration*)
            say "A resource provider is not registered. Run bash azdeploy.sh full: it registers them."
            ;;
        *DeploymentModelNotSupported* | *InvalidResourceProperties*"not supported"*"region"*)
            say "The model is not offered in this region. Choose another one (--model) or another region (--location)."
            ;;
        *"purge protection"*)
            say "The vault is protected against purging and keeps its name until its days are over. Choose another resource group (--rg)."
            ;;
    esac
}
