"""What all environments of a run share on a host: processors, namespaces with bridge and peer, scratch space."""
