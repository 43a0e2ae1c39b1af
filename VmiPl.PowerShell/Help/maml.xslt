<?xml version="1.0" encoding="utf-8"?>
<!-- Makes PowerShell's help (MAML) of the compact files beside this one, so that each parameter is described once. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
  xmlns:maml="http://schemas.microsoft.com/maml/2004/10"
  xmlns:command="http://schemas.microsoft.com/maml/dev/command/2004/10"
  xmlns:dev="http://schemas.microsoft.com/maml/dev/2004/10">
  <xsl:output method="xml" indent="yes" encoding="utf-8"/>

  <xsl:template match="/commands">
    <helpItems schema="maml">
      <xsl:apply-templates select="document(include/@href)/command"/>
    </helpItems>
  </xsl:template>

  <xsl:template match="command">
    <command:command>
      <command:details>
        <command:name><xsl:value-of select="@name"/></command:name>
        <maml:description><xsl:call-template name="para"><xsl:with-param name="text" select="synopsis"/></xsl:call-template></maml:description>
        <command:verb><xsl:value-of select="substring-before(@name, '-')"/></command:verb>
        <command:noun><xsl:value-of select="substring-after(@name, '-')"/></command:noun>
      </command:details>
      <maml:description><xsl:apply-templates select="p"/></maml:description>
      <command:syntax>
        <xsl:for-each select="syntax">
          <xsl:variable name="names" select="concat(' ', @parameters, ' ')"/>
          <command:syntaxItem>
            <maml:name><xsl:value-of select="../@name"/></maml:name>
            <xsl:for-each select="../parameter[contains($names, concat(' ', @name, ' '))]">
              <xsl:call-template name="parameter"/>
            </xsl:for-each>
          </command:syntaxItem>
        </xsl:for-each>
      </command:syntax>
      <command:parameters>
        <xsl:for-each select="parameter"><xsl:call-template name="parameter"/></xsl:for-each>
      </command:parameters>
      <command:inputTypes>
        <xsl:for-each select="input">
          <command:inputType>
            <dev:type><maml:name><xsl:value-of select="@type"/></maml:name></dev:type>
            <maml:description><xsl:call-template name="para"><xsl:with-param name="text" select="."/></xsl:call-template></maml:description>
          </command:inputType>
        </xsl:for-each>
      </command:inputTypes>
      <command:returnValues>
        <xsl:for-each select="output">
          <command:returnValue>
            <dev:type><maml:name><xsl:value-of select="@type"/></maml:name></dev:type>
            <maml:description><xsl:call-template name="para"><xsl:with-param name="text" select="."/></xsl:call-template></maml:description>
          </command:returnValue>
        </xsl:for-each>
      </command:returnValues>
      <command:examples>
        <xsl:for-each select="example">
          <command:example>
            <maml:title>Example <xsl:value-of select="position()"/>: <xsl:value-of select="@title"/></maml:title>
            <dev:code><xsl:value-of select="normalize-space(code)"/></dev:code>
            <dev:remarks><xsl:apply-templates select="p"/></dev:remarks>
          </command:example>
        </xsl:for-each>
      </command:examples>
      <command:relatedLinks>
        <xsl:for-each select="see">
          <maml:navigationLink><maml:linkText><xsl:value-of select="."/></maml:linkText><maml:uri/></maml:navigationLink>
        </xsl:for-each>
      </command:relatedLinks>
    </command:command>
  </xsl:template>

  <xsl:template name="parameter">
    <xsl:variable name="required"><xsl:choose><xsl:when test="@required">true</xsl:when><xsl:otherwise>false</xsl:otherwise></xsl:choose></xsl:variable>
    <xsl:variable name="globbing"><xsl:choose><xsl:when test="@wildcards">true</xsl:when><xsl:otherwise>false</xsl:otherwise></xsl:choose></xsl:variable>
    <xsl:variable name="position"><xsl:choose><xsl:when test="@position"><xsl:value-of select="@position"/></xsl:when><xsl:otherwise>named</xsl:otherwise></xsl:choose></xsl:variable>
    <xsl:variable name="input"><xsl:choose><xsl:when test="@pipeline">true (<xsl:value-of select="@pipeline"/>)</xsl:when><xsl:otherwise>false</xsl:otherwise></xsl:choose></xsl:variable>
    <command:parameter required="{$required}" globbing="{$globbing}" position="{$position}" pipelineInput="{$input}" aliases="{@alias}">
      <maml:name><xsl:value-of select="@name"/></maml:name>
      <maml:description><xsl:call-template name="para"><xsl:with-param name="text" select="."/></xsl:call-template></maml:description>
      <xsl:if test="@type != 'SwitchParameter'">
        <command:parameterValue required="true" variableLength="false"><xsl:value-of select="@type"/></command:parameterValue>
      </xsl:if>
      <dev:type><maml:name><xsl:value-of select="@type"/></maml:name></dev:type>
      <dev:defaultValue><xsl:value-of select="@default"/></dev:defaultValue>
    </command:parameter>
  </xsl:template>

  <xsl:template match="p"><xsl:call-template name="para"><xsl:with-param name="text" select="."/></xsl:call-template></xsl:template>

  <xsl:template name="para">
    <xsl:param name="text"/>
    <maml:para><xsl:value-of select="normalize-space($text)"/></maml:para>
  </xsl:template>
</xsl:stylesheet>
